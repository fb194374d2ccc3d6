"""What tray, dashboard and ``status`` show: snapshot, activity, totals. Also prunes old records.

The state of a running offload is in ``offload/run/recorder.py``. States of batches and their items are in
``store/job_states.py``.
"""
