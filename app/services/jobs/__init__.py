"""Jobs as rows: queued, checked, followed, and the training that enough rankings queue."""
