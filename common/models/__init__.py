"""What every app shares: ownership and departments, files, the user's profile."""

from common.models.department import Department
from common.models.login_attempt import LoginAttempt
from common.models.ownership import Base, Base1, OwnedQuerySet
from common.models.roles import Membership, Reach, Role, membership_of
from common.models.the_file import TheFile
from common.models.user_profile import UserProfile

__all__ = [
    "Base",
    "Base1",
    "Department",
    "LoginAttempt",
    "Membership",
    "OwnedQuerySet",
    "Reach",
    "Role",
    "TheFile",
    "UserProfile",
    "membership_of",
]
