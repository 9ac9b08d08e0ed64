"""Exit with 0 if the web process of this container answers. The Dockerfile runs this script."""

import os
import sys
from http.client import HTTPConnection
from urllib.parse import urlsplit

# The application rejects requests for other hosts.
host = urlsplit(os.environ.get("APP_URL", "")).netloc or "localhost"
connection = HTTPConnection("127.0.0.1", int(os.environ.get("PORT", "8000")), timeout=4)
try:
    connection.request("GET", "/healthz", headers={"Host": host, "X-Forwarded-Proto": "https"})
    sys.exit(connection.getresponse().status != 200)
except OSError as error:
    sys.exit(str(error))
