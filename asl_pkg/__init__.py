"""Recognises the American Sign Language alphabet in pictures: pull, train, export, validate, deploy, serve, infer."""
