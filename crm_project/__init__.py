"""The Django project: settings from the environment, URLs, the Celery app and the parts that run.

The Celery app is loaded with the project, so that tasks are sent to its broker from everywhere.
"""

from .celery import app as celery_app

__all__ = ["celery_app"]
