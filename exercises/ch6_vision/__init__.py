"""Exercises of chapter 6, vision."""
