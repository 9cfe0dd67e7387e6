"""How values are written, wherever they come in or go out: texts, ids, codes of languages, JSON, numbers for people."""
