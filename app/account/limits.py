"""How often the account pages answer. Guesses at passwords are counted by app.services.guesses."""

from app.extensions import limiter
from app.kit.web import origin

# Keeps a flood from the database, where guesses are counted.
sign_in_by_site = limiter.limit(
    "600 per 15 minutes", methods=["POST"], key_func=origin.visitor_site
)
# To estimate a password takes up to 0.02 s: half a second a minute for a visitor at most.
strength_by_network = limiter.limit("30 per minute", methods=["POST"])
strength_by_site = limiter.limit("90 per minute", methods=["POST"], key_func=origin.visitor_site)
mail_by_address = limiter.limit("100 per hour", methods=["POST"])
