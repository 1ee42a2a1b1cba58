"""Answers to the exercises of 4.2d from outside: wrong in one thing, or right and written differently."""

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
