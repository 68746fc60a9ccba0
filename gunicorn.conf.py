"""The web server. Gunicorn finds this file by itself when it is started in this folder.

Its command line overrides what stands here.
"""

import os

from django.conf import settings

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "crm_project.settings")

wsgi_app = "crm_project.wsgi"
bind = os.environ.get("WEB_BIND", "127.0.0.1:8000")
worker_class = "gthread"
workers = 2
threads = 4
graceful_timeout = 30  # seconds
control_socket_disable = True
# Reading a setting here ends the server at a bad one; its workers would end again and again.
loglevel = "debug" if settings.DEBUG else "info"
