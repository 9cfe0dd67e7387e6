"""The settings: what each is and may be, and the forms in which people give paths and addresses."""
