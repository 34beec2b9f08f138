"""Images of synthetic hands: an articulated skeleton, flesh around it, a light, a camera and a room."""
