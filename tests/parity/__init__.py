"""What users of such a system look for, as data: where it lives, which test shows it."""
