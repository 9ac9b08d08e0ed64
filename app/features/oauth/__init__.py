"""Sign in with Google, GitHub, Microsoft, or a company's own OpenID Connect provider."""
