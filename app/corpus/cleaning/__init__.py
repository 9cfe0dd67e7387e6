"""From raw text, generated or a user's own, to text worth training on. Knows no model.

Repairs and filters see one document, duplicate search all of them (docs/corpus-cleaning.md).
"""
