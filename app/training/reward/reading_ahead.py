"""Answers are read by the SFT model while people rank, with the decoder that writes answers: the next training finds
them among what is kept (kept_readings.py), to the bit as it would have read them itself."""

from collections.abc import Callable
from pathlib import Path

from app.errors import InvalidError
from app.lm.inference.decoder import Decoder
from app.lm.text.tokenizer import Tokenizer
from app.read_ahead import ReadAhead
from app.training.reward.kept_readings import Place, key_of
from app.training.reward.reading import Blocks, Reader
from app.training.reward.scoring import Answered
from app.training.reward.sentences import sentence_ends
from app.training.reward.words import Words


class AheadReader:
    """Of one SFT version, known by its content hash. An answer is read at a time."""

    def __init__(self, folder: Path, decoder: Decoder, tokenizer: Tokenizer, content_hash: str) -> None:
        """Raises InvalidError where the template refuses an empty question: a training then reads behind another
        one."""
        blank = tokenizer.encode_conversation([{"role": "user", "content": ""}])
        words = Words.of_tokenizer(tokenizer)
        self.decoder, self.content_hash, self._tokenizer = decoder, content_hash, tokenizer
        self._reader = Reader(decoder, blank, sentence_ends(tokenizer), words)
        self._place = Place.of(folder, self._reader, content_hash)
        self._known = self._place.keys()
        self._read: dict[str, Blocks] = {}  # of a group that was not read to its end

    def read(self, group: ReadAhead, go_on: Callable[[], bool]) -> bool:
        """Reads what is not kept yet and keeps it in a file of the group's name; False where it was told not to go on,
        which is asked before each answer."""
        for prompt, answer in self._answered(group):
            key = key_of(prompt, self._tokenizer.ends.as_written(answer))
            if key not in self._known and key not in self._read:
                if not go_on():
                    return False
                [self._read[key]] = self._reader.read([(prompt, answer)], self._tokenizer.ends)
        if self._read:
            self._place.keep_piece(group.name, self._read)
            self._known |= self._read.keys()
            self._read = {}
        return True

    def _answered(self, group: ReadAhead) -> list[Answered]:
        """Those that a training reads: with their end they fit behind the prompt."""
        try:
            prompt = self._tokenizer.encode_conversation(group.messages)
        except InvalidError:
            return []
        room = self.decoder.config.context_tokens - len(prompt)
        return [(prompt, ids) for ids in group.answers if len(self._tokenizer.ends.as_written(ids)) <= room]
