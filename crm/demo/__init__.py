"""The demo: people who do not exist, a mailbox that catches all mail, a first campaign."""
