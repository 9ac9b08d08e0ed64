"""The blueprint of the blog."""

from flask import Blueprint

blog = Blueprint("blog", __name__, url_prefix="/blog")
