"""Write a feature from a few words: `python manage.py new`."""
