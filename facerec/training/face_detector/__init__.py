"""A face detector of our own, from aligned crops of faces and pictures without any.

Nobody drew boxes for it. Two detectors that exist say where the landmarks of each crop lie (`labels`); crops are then
put into other pictures at many sizes and angles (`composing`), and the net learns to find them again (`loop`).
"""
