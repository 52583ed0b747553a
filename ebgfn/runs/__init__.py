"""Training runs: the folder of one, the store of all, the queue that starts them (`jobs`), the process that trains."""
