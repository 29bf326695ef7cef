"""The vectors of the derived inputs. Every answer is written by hand: no code makes them."""
