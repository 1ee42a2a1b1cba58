"""Exercises of chapter 3, architectures: one file a section, its words beside it."""
