"""The chat: what is kept, what a stale page may do, what is hidden, what is said when a context is full."""

from tests.faults.fault import In

CHAT = "tests/services/chat"
thread = In("app/services/chat/thread.py", f"{CHAT}/test_thread.py", f"{CHAT}/test_turns.py")
turns = In("app/services/chat/turns.py", f"{CHAT}/test_turns.py")
conversations = In("app/services/chat/conversations.py", f"{CHAT}/test_conversations.py")
live = In("app/services/chat/live_chat.py", f"{CHAT}/test_live_chat.py")
stopping = In("app/services/chat/stopping.py", f"{CHAT}/test_stopping.py", f"{CHAT}/test_live_chat.py")
room = In("app/services/chat/room.py", f"{CHAT}/test_room.py")
shortening = In("app/services/chat/shortening.py", f"{CHAT}/test_shortening.py")
ranking = In("app/services/chat/ranking_seen.py", f"{CHAT}/test_ranking_seen.py")
labelers = In("app/services/labeling/labelers.py", f"{CHAT}/test_conversations.py")
views = In("app/web/chat_views.py", "tests/web/test_chat.py")
schemas = In("app/api/conversation_schemas.py", "tests/api/test_conversations.py")
IMPORTED = "tests/services/data/test_import_conversations.py"
taken = In("app/services/data/import_conversations.py", IMPORTED)
rows = In("app/services/data/conversation_rows.py", IMPORTED)
exports = In("app/services/chat/conversation_exports.py", IMPORTED, f"{CHAT}/test_conversation_exports.py")
forms = In("app/services/data/row_forms.py", IMPORTED)
steps = In("app/services/data/import_steps.py", IMPORTED)
tables = In("app/db/models/conversations.py", IMPORTED)
FAULTS = [
    taken("what is here comes twice", "known | held)", "known)"),
    taken(
        "what began at the same moment is the same",
        "if any(_reads(each, row.given) for each in same_moment):",
        "if same_moment:",
    ),
    taken("a shorter one is known by its beginning", "if read.whole == len(given.turns) - 1 and ", "if "),
    taken("what is kept beside another is not told", "            beside.add(row.digest)\n", "            pass\n"),
    taken("another system line is the same", "    if stored.system != given.system:\n", "    if False:\n"),
    taken(
        "empty answers hide what was said",
        "    if turn.role is TurnRole.ASSISTANT and not turn.text:\n",
        "    if False:\n",
    ),
    taken("turns hang on nothing", "parents |= {number: turn for", "{number: turn for"),
    taken("a version that is here is only a name", "version_id = here.find(writer)", "version_id = None"),
    forms("messages alone are no conversation", "if owner is not None and _is_conversation(row):", "if False:"),
    rows("messages are nobody's", "or (None if owner is None else owner.name)", "or None"),
    rows(
        "who imports is an unknown labeler",
        "owner.kind if kind is None and owner is not None and labeler == owner.name else kind",
        "kind",
    ),
    taken("a version's files are forgotten", "else writer_text(writer),", "else writer.name,"),
    taken("it was held now", '"created_at": row.given.created_at or now', '"created_at": now'),
    taken("it was gone on with now", '"updated_at": row.given.created_at or now', '"updated_at": now'),
    taken("the system line is lost", '"system": row.given.system', '"system": ""'),
    rows("writers stand beside the wrong messages", "said[1:], writers[1:]", "said[1:], writers[:-1]"),
    rows("roles need not take turns", 'if message["role"] != wanted:', "if False:"),
    rows("a conversation is nobody's", "    if labeler is None:\n", "    if False:\n"),
    rows("a bad message is named by another place", "first + place", "place + 1"),
    exports(
        "it is told who wrote while that is hidden", "[None] * len(named) if conversation.is_blind else named", "named"
    ),
    exports(
        "an empty answer has a writer",
        "turn.role is TurnRole.ASSISTANT and turn.text)",
        "turn.role is TurnRole.ASSISTANT)",
    ),
    exports("what is not in yet is exported", ", Conversation.is_visible()", ""),
    forms(
        "a prompt without a title is a conversation",
        "all(row.has(name) for name in CONVERSATION)",
        "any(row.has(name) for name in CONVERSATION)",
    ),
    steps(
        "conversations of an import that came to nothing stay",
        "        remove_conversations(session, conversations)\n",
        "",
    ),
    steps("its questions are prompts, too", " if row.conversation is None])", "])"),
    tables("half an import is shown", "PromptImport.staged_at.is_not(None)", "PromptImport.id > 0"),
    ranking("what a file brought is ranked as one's own", "if len(version_ids) < len(shown):", "if False:"),
    thread("the oldest alternative is shown", "children[-1]).alternative", "children[0]).alternative"),
    thread("of two answers the first is always chosen", "if not self.is_pair:", "if True:"),
    thread("what was left out is read all the same", "turns[start:]", "turns[0:]"),
    thread("an empty answer is a message", "if turn.role is TurnRole.USER or turn.text:", "if True:"),
    turns("a page that is behind sends all the same", "if after is not None and after != thread.head_id:", "if False:"),
    turns("a second question while an answer is written", "if thread.is_writing:", "if False:"),
    turns("two answers of which nobody chose one go on", "thread.steps[-1].chosen is None", "False"),
    turns("a conversation has no title", "conversation.title or conversations.title_from(content)", '""'),
    conversations(
        "everybody reads everything",
        "Conversation.id == conversation_id, Conversation.labeler_id == (labeler.id if labeler else None)",
        "Conversation.id == conversation_id",
    ),
    conversations(
        "a key gives what was opened otherwise", "if known.opened_as not in {None, opening.mark}:", "if False:"
    ),
    turns("a key is taken at another place", " or not _stands_there(conversation, turn, ask):", ":"),
    conversations("hidden sides do not change", "bool(_random.getrandbits(1))", "False"),
    conversations("a system line changes under its answers", "    if conversation.turns:\n", "    if False:\n"),
    conversations("what is used last stays below", "conversation.number, conversation.updated_at = ", "_, _ = "),
    stopping("a stopped answer is lost", "        keep(turn, there)\n", ""),
    stopping("what was there is lost", "if len(there.text) >= len(turn.text):", "if True:"),
    live("who comes after the end is told nothing", "now = None if told else", "now = None if True else"),
    live("what was told is told again at the end", "told = told or piece is not None", "told = False"),
    live("a stopped answer goes on anew", "continue_from=given)", "continue_from=())"),
    stopping("turns answer what is written on", "if Thread(conversation.turns).siblings(turn.id):", "if False:"),
    room("a base model's room is counted in chat format", "engine.count_tokens(prompt, v", "engine.count_tokens([], v"),
    live("an answer is written anew in other words", '"seed": turn.seed}', '"seed": None}'),
    live("a full context is sent", "            check_room(room, is_first=is_first)\n", ""),
    live("the same key asks twice", "        if before is not None:\n            return before\n", ""),
    room("the version with most room counts", "return min(rooms", "return max(rooms"),
    room("a full context is not told", "return self.left < min(LEAST_ANSWER_TOKENS, self.wanted)", "return False"),
    shortening("more is left out than must be", "turns[begins_at + 1 :]", "turns[begins_at + 3 :]"),
    ranking("half an answer is ranked", "each.status is not TurnStatus.DONE or not each.text", "False"),
    ranking("one version writes what is missing", "key=lambda each: wrote[each])", "key=lambda each: 0)"),
    ranking(
        "the same answers are two cards",
        "    if known is not None:\n        return groups.get_group(session, known)\n",
        "",
    ),
    labelers("conversations stay behind", "            _hand_conversations_over(session, former, known)\n", ""),
    views(
        "a hidden version is named",
        '    if conversation.is_blind:\n        return _("Answer',
        '    if False:\n        return _("Answer',
    ),
    schemas("a hidden version is in the JSON", "version=None if blind else turn.version_id", "version=turn.version_id"),
]
