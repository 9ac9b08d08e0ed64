"""What the app can do: plain functions, one module a noun. Only here is anything committed."""
