"""Rate limits of the account pages. app.kit.guesses limits guesses at passwords."""

from app.extensions import limiter
from app.kit.web import origin

# Protects the database, where guesses are counted, from floods.
sign_in_by_site = limiter.limit(
    "600 per 15 minutes", methods=["POST"], key_func=origin.visitor_site
)
# Estimating a password takes up to 0.02 s, so a visitor uses half a second a minute at most.
strength_by_network = limiter.limit("30 per minute", methods=["POST"])
strength_by_site = limiter.limit("90 per minute", methods=["POST"], key_func=origin.visitor_site)
mail_by_address = limiter.limit("100 per hour", methods=["POST"])
