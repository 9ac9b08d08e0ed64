"""Show developers what each request did: queries, templates, jobs and mails. Development only."""
