"""The live page: what the output topics bring, in bounded windows, to browsers.

A reader without a consumer group (`follow`) fills the windows (`state`, of `visits`, `histories`,
`rates` and `rings`), and each browser gets what is new a few times a second (`routes`).
"""
