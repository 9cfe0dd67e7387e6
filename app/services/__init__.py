"""Use cases as plain functions over a database session, which never commit."""
