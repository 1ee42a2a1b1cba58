"""Exercises of chapter 4, training: one file a section, its words beside it."""
