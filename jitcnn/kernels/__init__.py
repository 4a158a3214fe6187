"""The arithmetic: nests of loops on arrays and numbers, nothing else.

Modules for the same operation export the same names with the same signatures, so that tests and the
benchmark can loop over them: ``conv_naive``, ``conv_loops``, ``conv_im2col`` and ``pool_naive``,
``pool_loops``, ``pool_im2col``. Every function writes its result into arrays that the caller made;
shapes and dtypes were checked upstairs, in ``jitcnn.functional``.
"""
