"""Answers to the exercises of 4.2d, e and f from outside: wrong in one thing, or right in another way."""

import numpy as np


def right_4_2_9_from_the_middle(height, width, share=0.875):
    if share <= 0 or share > 1:
        raise ValueError(f"{share} is no share")
    side = int(np.floor(share * min(height, width)))
    box = []
    for edge in (width, height):
        box.append((edge - side) // 2)
    return [*box, box[0] + side, box[1] + side]


def wrong_4_2_9_another_share_by_default(height, width, share=224 / 260):
    return right_4_2_9_from_the_middle(height, width, share)


def wrong_4_2_9_refuses_the_whole_edge(height, width, share=0.875):
    if share == 1:
        raise ValueError(f"{share} is no share")
    return right_4_2_9_from_the_middle(height, width, share)


def wrong_4_2_9_always_as_if_wider_than_high(height, width, share=0.875):
    right_4_2_9_from_the_middle(height, width, share)
    side = int(share * height)
    return (width - side) // 2, (height - side) // 2, (width + side) // 2, (height + side) // 2


def right_4_2_10_place_by_place(picture, size, step, fill=127):
    height, width, _ = picture.shape
    if size > height or size > width:
        raise ValueError(f"a square of {size} does not fit")
    rows = []
    for top in range(0, height - size + 1, step):
        row = []
        for left in range(0, width - size + 1, step):
            hidden = picture.copy()
            hidden[top : top + size, left : left + size, :] = fill
            row.append(hidden)
        rows.append(row)
    return np.array(rows)


def wrong_4_2_10_hides_one_colour(picture, size, step, fill=127):
    found = right_4_2_10_place_by_place(picture, size, step, fill)
    found[..., 0] = picture[..., 0]
    return found


def wrong_4_2_10_as_if_the_picture_were_square(picture, size, step, fill=127):
    if size > min(picture.shape[:2]):
        raise ValueError(f"a square of {size} does not fit")
    count = len(range(0, min(picture.shape[:2]) - size + 1, step))
    return right_4_2_10_place_by_place(picture, size, step, fill)[:count, :count]


def wrong_4_2_10_writes_into_the_picture(picture, size, step, fill=127):
    found = right_4_2_10_place_by_place(picture, size, step, fill)
    picture[:size, :size] = fill
    return found


def wrong_4_2_10_shows_the_square_alone(picture, size, step, fill=127):
    found = right_4_2_10_place_by_place(picture, size, step, fill)
    return np.where(found == fill, picture, fill).astype(picture.dtype)


def right_4_2_11_with_paths(files, least=6):
    from pathlib import PurePosixPath

    classes = {}
    for file in sorted(files):
        if file.endswith("/"):
            if file.count("/") == 1 and not file.startswith("."):
                classes.setdefault(file[:-1], [])
            continue
        parts = PurePosixPath(file).parts
        if len(parts) != 2 or any(part.startswith(".") for part in parts):
            continue
        found = classes.setdefault(parts[0], [])
        if PurePosixPath(file).suffix.lower() in {".jpg", ".jpeg", ".png"}:
            found.append(file)
    names = sorted(classes)
    if len(names) < 2:
        raise ValueError(f"only {len(names)} classes")
    for name in names:
        if len(classes[name]) < least:
            raise ValueError(f"{name} has {len(classes[name])} pictures")
    return names, sorted((file, n) for n, name in enumerate(names) for file in classes[name])


def wrong_4_2_11_leaves_png_out(files, least=6):
    return right_4_2_11_with_paths([file for file in files if not file.lower().endswith(".png")], least)


def wrong_4_2_11_more_than_least(files, least=6):
    return right_4_2_11_with_paths(files, least + 1)


def wrong_4_2_11_sorted_as_if_in_small_letters(files, least=6):
    names, pairs = right_4_2_11_with_paths(files, least)
    return names, sorted(pairs, key=lambda pair: pair[0].lower())


def right_4_2_12_in_loops(known, y, new):
    answers = []
    for row in new:
        best, found = np.inf, 0
        for label in range(max(y) + 1):
            chosen = [k for k, of in zip(known, y, strict=True) if of == label]
            distance = sum((row - sum(chosen) / len(chosen)) ** 2)
            if distance < best:
                best, found = distance, label
        answers.append(found)
    return np.array(answers)


def right_4_2_12_by_lengths(known, y, new):
    means = np.stack([known[y == label].mean(axis=0) for label in np.unique(y)])
    return np.linalg.norm(new[:, None] - means, axis=2).argmin(axis=1)


def wrong_4_2_12_scaled_to_length_one(known, y, new):
    means = np.stack([known[y == label].mean(axis=0) for label in np.unique(y)])
    means = means / np.maximum(np.linalg.norm(means, axis=1, keepdims=True), 1e-9)
    return ((new[:, None] - means) ** 2).sum(axis=2).argmin(axis=1)


def wrong_4_2_12_the_median(known, y, new):
    middle = np.stack([np.median(known[y == label], axis=0) for label in np.unique(y)])
    return ((new[:, None] - middle) ** 2).sum(axis=2).argmin(axis=1)
