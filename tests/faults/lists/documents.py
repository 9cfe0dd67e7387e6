"""Generated documents: what comes from the code, and that they are compared with it."""

from tests.faults.fault import In

DOCS = "tests/test_docs.py"
files = In("bin/docs/files.py", "tests/bin/docs/test_files.py", DOCS)
sentences = In("bin/docs/first_sentences.py", "tests/bin/docs/test_first_sentences.py")
parts = In("bin/docs/marked_parts.py", "tests/bin/docs/test_marked_parts.py")
words = In("bin/docs/schema_words.py", "tests/bin/docs/test_schema_words.py")
settings = In("bin/docs/settings.py", DOCS)
cli = In("bin/docs/cli.py", DOCS)
api = In("bin/docs/api.py", DOCS)
examples = In("bin/docs/api_examples.py", "tests/api/test_documented_calls.py", DOCS)
hparams = In("bin/docs/hparams.py", DOCS)

FAULTS = [
    files("packages are listed as modules", 'if path.name != "__init__.py"', "if True"),
    files("tests of bench have no room", '(f"app/{name}", name)', '(f"app/{name}",)'),
    files("HTML in a sentence", "escaped(first_sentence(path))", "first_sentence(path)"),
    sentences("a sentence ends at et al.", '"et al.", ', ""),
    sentences("the usage is told", 'text.split("usage:")[0].strip()', "text.strip()"),
    sentences("a file that says nothing", "    if not text:\n", '    if text == "?":\n'),
    In("bin/write_docs.py", DOCS)("a document is not written any more", '    "docs/cli.md": cli.document,\n', ""),
    parts("marks that are not there", "text.count(begin) != 1 or text.count(end) != 1", "False"),
    words("null is sent", 'if form != {"type": "null"}', "if form"),
    words("a bound that is left out", '"exclusiveMinimum" in schema', '"exclusive" in schema'),
    settings("what compose sets is set twice", "own | IN_THE_IMAGE", "IN_THE_IMAGE"),
    settings("the model's folder is passed on", "own | IN_THE_IMAGE", "own"),
    cli("verbs in any order", "sorted(group.commands.items())", "group.commands.items()"),
    cli("options that are required", '["required"] if parameter.required else ', ""),
    api("errors are not told", "if status not in good and status not in EVERYWHERE", "if status in EVERYWHERE"),
    api("objects without their fields", "in fields(schema):", "in []:"),
    examples("a body that is not understood", '"reason": "unclear"', '"reason": "dull"'),
    hparams("defaults that follow the model's size", "by_size and none", "none"),
]
