"""Who is signed in: Django's users and passwords, with the preferences that every page needs."""

from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import User


class UserBackend(ModelBackend):
    """Django's backend, which reads the profile along with the user: one statement a request."""

    def get_user(self, user_id: int) -> User | None:
        """Return the user of a session; None ends it, as for one who was deactivated."""
        user = User.objects.select_related("profile").filter(pk=user_id).first()
        return user if user is not None and self.user_can_authenticate(user) else None
