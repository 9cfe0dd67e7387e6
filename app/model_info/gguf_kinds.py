"""In which types of numbers a version is written as GGUF. No torch."""

from enum import StrEnum


class GgufKind(StrEnum):
    F16 = "f16"
    Q8_0 = "q8_0"

    @property
    def file_word(self) -> str:
        """As such files are named."""
        return self.name
