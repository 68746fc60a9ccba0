"""The orchestrator, the message builder and the admin's filters."""
