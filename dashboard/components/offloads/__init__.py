"""Offloads: lists, running offloads, approvals, and details of a single offload."""
