"""The product's settings, and a third app that brings a recipient type of its own."""

from crm_project.settings import *  # noqa: F403  # a settings module is what it says
from crm_project.settings import INSTALLED_APPS

INSTALLED_APPS = [*INSTALLED_APPS, "tests.guests"]
