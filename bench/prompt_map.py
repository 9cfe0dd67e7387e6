"""Lays the shipped prompts out by what the shipped SFT model makes of them, without being told what they are about.

`python -m bench.prompt_map` writes app/corpus/prompt_map.json: for each prompt a point and a group. The model reads a
prompt, the mean of its states above the middle layer is taken, and two methods that see no labels place and group it:
t-SNE (van der Maaten & Hinton 2008; perplexity 20, from the first two principal components) and k-means (Lloyd 1982).
"""

import json

import numpy as np
import torch

from app.corpus.prompts import load_prompts
from app.layout import PROMPT_MAP, SFT_MODEL
from app.lm.files.checkpoint import load_model
from app.lm.inference.decoder import Decoder
from app.model_info.weights import content_hash

GROUPS = 10
PERPLEXITY = 20.0
ROUNDS = 600
SEED = 16
Points = np.ndarray[tuple[int, int], np.dtype[np.float64]]


@torch.inference_mode()
def mean_states(texts: list[str]) -> Points:
    """[prompts, H], each scaled to length 1 around the mean of all."""
    model, tokenizer = load_model(SFT_MODEL)
    decoder, rows = Decoder(model, torch.float32), []
    middle = decoder.config.num_hidden_layers // 2
    for text in texts:
        ids = torch.tensor(tokenizer.encode(text))
        places, cache = torch.arange(len(ids)), decoder.new_cache(1, len(ids))
        rows.append(decoder.states_above((middle,), ids, torch.zeros_like(ids), places, cache)[0].mean(dim=0))
    states = torch.stack(rows).double().numpy()
    states -= states.mean(axis=0)
    scaled: Points = states / np.linalg.norm(states, axis=1, keepdims=True)
    return scaled


def distances(points: Points) -> Points:
    """Squared, between all."""
    squares = (points**2).sum(axis=1)
    between: Points = np.maximum(0.0, squares[:, None] + squares[None] - 2 * points @ points.T)
    return between


def nearness(points: Points) -> Points:
    """Joint probabilities with PERPLEXITY neighbours each (equation 1 and section 3.1 of the paper)."""
    far, rows = distances(points), []
    for at, row in enumerate(far):
        low, high, others = 1e-6, 1e6, np.delete(row, at)
        for _ in range(60):
            width = np.sqrt(low * high)
            shares = np.exp(-(others - others.min()) * width)
            shares /= shares.sum()
            entropy = -(shares * np.log(np.maximum(shares, 1e-300))).sum()
            low, high = (width, high) if entropy > np.log(PERPLEXITY) else (low, width)
        rows.append(np.insert(shares, at, 0.0))
    joint = np.array(rows)
    shared: Points = np.maximum((joint + joint.T) / (2 * len(points)), 1e-12)
    return shared


def laid_out(points: Points) -> Points:
    """t-SNE: gradient descent with momentum, the nearness exaggerated at first."""
    wanted = nearness(points)
    _, _, axes = np.linalg.svd(points, full_matrices=False)
    places = points @ axes[:2].T * 1e-2
    speed = np.zeros_like(places)
    for step in range(ROUNDS):
        closeness = 1 / (1 + distances(places))
        np.fill_diagonal(closeness, 0.0)
        shares = np.maximum(closeness / closeness.sum(), 1e-12)
        pull = (wanted * (12.0 if step < 150 else 1.0) - shares) * closeness
        gradient = 4 * (pull.sum(axis=1)[:, None] * places - pull @ places)
        speed = (0.5 if step < 150 else 0.8) * speed - 60.0 * gradient
        places = places + speed
    low, high = places.min(axis=0), places.max(axis=0)
    scaled: Points = (places - low) / (high - low)
    return scaled


def grouped(points: Points, rng: np.random.Generator) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """k-means, the best of twenty beginnings; the largest group is 0."""
    best, least = np.zeros(len(points), dtype=np.int64), np.inf
    for _ in range(20):
        centres = points[rng.choice(len(points), GROUPS, replace=False)]
        for _ in range(60):
            far = ((points[:, None] - centres[None]) ** 2).sum(axis=2)
            groups = far.argmin(axis=1)
            filled = [points[groups == each] for each in range(GROUPS)]
            centres = np.array([part.mean(axis=0) if len(part) else points[0] for part in filled])
        if (loss := far.min(axis=1).sum()) < least:
            best, least = groups, loss
    order = np.argsort(-np.bincount(best, minlength=GROUPS), kind="stable")
    return np.argsort(order)[best]


def run() -> None:
    prompts = load_prompts()
    states = mean_states([prompt.text for prompt in prompts])
    places, groups = laid_out(states), grouped(states, np.random.default_rng(SEED))
    record = {
        "model_hash": content_hash(SFT_MODEL),
        "points": [
            {"text": prompt.text, "topic": prompt.topic, "x": round(x, 3), "y": round(y, 3), "group": int(group)}
            for prompt, (x, y), group in zip(prompts, places.tolist(), groups.tolist(), strict=True)
        ],
    }
    PROMPT_MAP.write_text(json.dumps(record, ensure_ascii=False, indent=0) + "\n", encoding="utf-8")


if __name__ == "__main__":
    run()
