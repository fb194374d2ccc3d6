"""Offloads: lists, running offloads, approvals, and the details of one offload."""
