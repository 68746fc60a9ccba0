"""What a message is made of: its language, its cleaning, its text part, its headers and its MIME.

No database and no network. The front door is `massmail.utils.email_creators`.
"""
