"""Template tags of mass mailing."""
