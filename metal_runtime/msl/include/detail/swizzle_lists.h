// Every swizzle of a vector of 2, 3 and 4: the macros of swizzle.h applied to each, one line a first letter.
// IRIS_PUT: no component twice, so it can be assigned to. IRIS_GET: it can only be read.
#pragma once

#define IRIS_SWIZZLES_OF_2 \
  IRIS_PUT1(x, r) IRIS_PUT1(y, g) \
  IRIS_GET2(x, r, x, r) IRIS_PUT2(x, r, y, g) \
  IRIS_PUT2(y, g, x, r) IRIS_GET2(y, g, y, g) \
  IRIS_GET3(x, r, x, r, x, r) IRIS_GET3(x, r, x, r, y, g) IRIS_GET3(x, r, y, g, x, r) IRIS_GET3(x, r, y, g, y, g) \
  IRIS_GET3(y, g, x, r, x, r) IRIS_GET3(y, g, x, r, y, g) IRIS_GET3(y, g, y, g, x, r) IRIS_GET3(y, g, y, g, y, g) \
  IRIS_GET4(x, r, x, r, x, r, x, r) IRIS_GET4(x, r, x, r, x, r, y, g) IRIS_GET4(x, r, x, r, y, g, x, r) IRIS_GET4(x, r, x, r, y, g, y, g) \
  IRIS_GET4(x, r, y, g, x, r, x, r) IRIS_GET4(x, r, y, g, x, r, y, g) IRIS_GET4(x, r, y, g, y, g, x, r) IRIS_GET4(x, r, y, g, y, g, y, g) \
  IRIS_GET4(y, g, x, r, x, r, x, r) IRIS_GET4(y, g, x, r, x, r, y, g) IRIS_GET4(y, g, x, r, y, g, x, r) IRIS_GET4(y, g, x, r, y, g, y, g) \
  IRIS_GET4(y, g, y, g, x, r, x, r) IRIS_GET4(y, g, y, g, x, r, y, g) IRIS_GET4(y, g, y, g, y, g, x, r) IRIS_GET4(y, g, y, g, y, g, y, g)

#define IRIS_SWIZZLES_OF_3 \
  IRIS_PUT1(x, r) IRIS_PUT1(y, g) IRIS_PUT1(z, b) \
  IRIS_GET2(x, r, x, r) IRIS_PUT2(x, r, y, g) IRIS_PUT2(x, r, z, b) \
  IRIS_PUT2(y, g, x, r) IRIS_GET2(y, g, y, g) IRIS_PUT2(y, g, z, b) \
  IRIS_PUT2(z, b, x, r) IRIS_PUT2(z, b, y, g) IRIS_GET2(z, b, z, b) \
  IRIS_GET3(x, r, x, r, x, r) IRIS_GET3(x, r, x, r, y, g) IRIS_GET3(x, r, x, r, z, b) IRIS_GET3(x, r, y, g, x, r) \
  IRIS_GET3(x, r, y, g, y, g) IRIS_PUT3(x, r, y, g, z, b) IRIS_GET3(x, r, z, b, x, r) IRIS_PUT3(x, r, z, b, y, g) \
  IRIS_GET3(x, r, z, b, z, b) \
  IRIS_GET3(y, g, x, r, x, r) IRIS_GET3(y, g, x, r, y, g) IRIS_PUT3(y, g, x, r, z, b) IRIS_GET3(y, g, y, g, x, r) \
  IRIS_GET3(y, g, y, g, y, g) IRIS_GET3(y, g, y, g, z, b) IRIS_PUT3(y, g, z, b, x, r) IRIS_GET3(y, g, z, b, y, g) \
  IRIS_GET3(y, g, z, b, z, b) \
  IRIS_GET3(z, b, x, r, x, r) IRIS_PUT3(z, b, x, r, y, g) IRIS_GET3(z, b, x, r, z, b) IRIS_PUT3(z, b, y, g, x, r) \
  IRIS_GET3(z, b, y, g, y, g) IRIS_GET3(z, b, y, g, z, b) IRIS_GET3(z, b, z, b, x, r) IRIS_GET3(z, b, z, b, y, g) \
  IRIS_GET3(z, b, z, b, z, b) \
  IRIS_GET4(x, r, x, r, x, r, x, r) IRIS_GET4(x, r, x, r, x, r, y, g) IRIS_GET4(x, r, x, r, x, r, z, b) IRIS_GET4(x, r, x, r, y, g, x, r) \
  IRIS_GET4(x, r, x, r, y, g, y, g) IRIS_GET4(x, r, x, r, y, g, z, b) IRIS_GET4(x, r, x, r, z, b, x, r) IRIS_GET4(x, r, x, r, z, b, y, g) \
  IRIS_GET4(x, r, x, r, z, b, z, b) IRIS_GET4(x, r, y, g, x, r, x, r) IRIS_GET4(x, r, y, g, x, r, y, g) IRIS_GET4(x, r, y, g, x, r, z, b) \
  IRIS_GET4(x, r, y, g, y, g, x, r) IRIS_GET4(x, r, y, g, y, g, y, g) IRIS_GET4(x, r, y, g, y, g, z, b) IRIS_GET4(x, r, y, g, z, b, x, r) \
  IRIS_GET4(x, r, y, g, z, b, y, g) IRIS_GET4(x, r, y, g, z, b, z, b) IRIS_GET4(x, r, z, b, x, r, x, r) IRIS_GET4(x, r, z, b, x, r, y, g) \
  IRIS_GET4(x, r, z, b, x, r, z, b) IRIS_GET4(x, r, z, b, y, g, x, r) IRIS_GET4(x, r, z, b, y, g, y, g) IRIS_GET4(x, r, z, b, y, g, z, b) \
  IRIS_GET4(x, r, z, b, z, b, x, r) IRIS_GET4(x, r, z, b, z, b, y, g) IRIS_GET4(x, r, z, b, z, b, z, b) \
  IRIS_GET4(y, g, x, r, x, r, x, r) IRIS_GET4(y, g, x, r, x, r, y, g) IRIS_GET4(y, g, x, r, x, r, z, b) IRIS_GET4(y, g, x, r, y, g, x, r) \
  IRIS_GET4(y, g, x, r, y, g, y, g) IRIS_GET4(y, g, x, r, y, g, z, b) IRIS_GET4(y, g, x, r, z, b, x, r) IRIS_GET4(y, g, x, r, z, b, y, g) \
  IRIS_GET4(y, g, x, r, z, b, z, b) IRIS_GET4(y, g, y, g, x, r, x, r) IRIS_GET4(y, g, y, g, x, r, y, g) IRIS_GET4(y, g, y, g, x, r, z, b) \
  IRIS_GET4(y, g, y, g, y, g, x, r) IRIS_GET4(y, g, y, g, y, g, y, g) IRIS_GET4(y, g, y, g, y, g, z, b) IRIS_GET4(y, g, y, g, z, b, x, r) \
  IRIS_GET4(y, g, y, g, z, b, y, g) IRIS_GET4(y, g, y, g, z, b, z, b) IRIS_GET4(y, g, z, b, x, r, x, r) IRIS_GET4(y, g, z, b, x, r, y, g) \
  IRIS_GET4(y, g, z, b, x, r, z, b) IRIS_GET4(y, g, z, b, y, g, x, r) IRIS_GET4(y, g, z, b, y, g, y, g) IRIS_GET4(y, g, z, b, y, g, z, b) \
  IRIS_GET4(y, g, z, b, z, b, x, r) IRIS_GET4(y, g, z, b, z, b, y, g) IRIS_GET4(y, g, z, b, z, b, z, b) \
  IRIS_GET4(z, b, x, r, x, r, x, r) IRIS_GET4(z, b, x, r, x, r, y, g) IRIS_GET4(z, b, x, r, x, r, z, b) IRIS_GET4(z, b, x, r, y, g, x, r) \
  IRIS_GET4(z, b, x, r, y, g, y, g) IRIS_GET4(z, b, x, r, y, g, z, b) IRIS_GET4(z, b, x, r, z, b, x, r) IRIS_GET4(z, b, x, r, z, b, y, g) \
  IRIS_GET4(z, b, x, r, z, b, z, b) IRIS_GET4(z, b, y, g, x, r, x, r) IRIS_GET4(z, b, y, g, x, r, y, g) IRIS_GET4(z, b, y, g, x, r, z, b) \
  IRIS_GET4(z, b, y, g, y, g, x, r) IRIS_GET4(z, b, y, g, y, g, y, g) IRIS_GET4(z, b, y, g, y, g, z, b) IRIS_GET4(z, b, y, g, z, b, x, r) \
  IRIS_GET4(z, b, y, g, z, b, y, g) IRIS_GET4(z, b, y, g, z, b, z, b) IRIS_GET4(z, b, z, b, x, r, x, r) IRIS_GET4(z, b, z, b, x, r, y, g) \
  IRIS_GET4(z, b, z, b, x, r, z, b) IRIS_GET4(z, b, z, b, y, g, x, r) IRIS_GET4(z, b, z, b, y, g, y, g) IRIS_GET4(z, b, z, b, y, g, z, b) \
  IRIS_GET4(z, b, z, b, z, b, x, r) IRIS_GET4(z, b, z, b, z, b, y, g) IRIS_GET4(z, b, z, b, z, b, z, b)

#define IRIS_SWIZZLES_OF_4 \
  IRIS_PUT1(x, r) IRIS_PUT1(y, g) IRIS_PUT1(z, b) IRIS_PUT1(w, a) \
  IRIS_GET2(x, r, x, r) IRIS_PUT2(x, r, y, g) IRIS_PUT2(x, r, z, b) IRIS_PUT2(x, r, w, a) \
  IRIS_PUT2(y, g, x, r) IRIS_GET2(y, g, y, g) IRIS_PUT2(y, g, z, b) IRIS_PUT2(y, g, w, a) \
  IRIS_PUT2(z, b, x, r) IRIS_PUT2(z, b, y, g) IRIS_GET2(z, b, z, b) IRIS_PUT2(z, b, w, a) \
  IRIS_PUT2(w, a, x, r) IRIS_PUT2(w, a, y, g) IRIS_PUT2(w, a, z, b) IRIS_GET2(w, a, w, a) \
  IRIS_GET3(x, r, x, r, x, r) IRIS_GET3(x, r, x, r, y, g) IRIS_GET3(x, r, x, r, z, b) IRIS_GET3(x, r, x, r, w, a) \
  IRIS_GET3(x, r, y, g, x, r) IRIS_GET3(x, r, y, g, y, g) IRIS_PUT3(x, r, y, g, z, b) IRIS_PUT3(x, r, y, g, w, a) \
  IRIS_GET3(x, r, z, b, x, r) IRIS_PUT3(x, r, z, b, y, g) IRIS_GET3(x, r, z, b, z, b) IRIS_PUT3(x, r, z, b, w, a) \
  IRIS_GET3(x, r, w, a, x, r) IRIS_PUT3(x, r, w, a, y, g) IRIS_PUT3(x, r, w, a, z, b) IRIS_GET3(x, r, w, a, w, a) \
  IRIS_GET3(y, g, x, r, x, r) IRIS_GET3(y, g, x, r, y, g) IRIS_PUT3(y, g, x, r, z, b) IRIS_PUT3(y, g, x, r, w, a) \
  IRIS_GET3(y, g, y, g, x, r) IRIS_GET3(y, g, y, g, y, g) IRIS_GET3(y, g, y, g, z, b) IRIS_GET3(y, g, y, g, w, a) \
  IRIS_PUT3(y, g, z, b, x, r) IRIS_GET3(y, g, z, b, y, g) IRIS_GET3(y, g, z, b, z, b) IRIS_PUT3(y, g, z, b, w, a) \
  IRIS_PUT3(y, g, w, a, x, r) IRIS_GET3(y, g, w, a, y, g) IRIS_PUT3(y, g, w, a, z, b) IRIS_GET3(y, g, w, a, w, a) \
  IRIS_GET3(z, b, x, r, x, r) IRIS_PUT3(z, b, x, r, y, g) IRIS_GET3(z, b, x, r, z, b) IRIS_PUT3(z, b, x, r, w, a) \
  IRIS_PUT3(z, b, y, g, x, r) IRIS_GET3(z, b, y, g, y, g) IRIS_GET3(z, b, y, g, z, b) IRIS_PUT3(z, b, y, g, w, a) \
  IRIS_GET3(z, b, z, b, x, r) IRIS_GET3(z, b, z, b, y, g) IRIS_GET3(z, b, z, b, z, b) IRIS_GET3(z, b, z, b, w, a) \
  IRIS_PUT3(z, b, w, a, x, r) IRIS_PUT3(z, b, w, a, y, g) IRIS_GET3(z, b, w, a, z, b) IRIS_GET3(z, b, w, a, w, a) \
  IRIS_GET3(w, a, x, r, x, r) IRIS_PUT3(w, a, x, r, y, g) IRIS_PUT3(w, a, x, r, z, b) IRIS_GET3(w, a, x, r, w, a) \
  IRIS_PUT3(w, a, y, g, x, r) IRIS_GET3(w, a, y, g, y, g) IRIS_PUT3(w, a, y, g, z, b) IRIS_GET3(w, a, y, g, w, a) \
  IRIS_PUT3(w, a, z, b, x, r) IRIS_PUT3(w, a, z, b, y, g) IRIS_GET3(w, a, z, b, z, b) IRIS_GET3(w, a, z, b, w, a) \
  IRIS_GET3(w, a, w, a, x, r) IRIS_GET3(w, a, w, a, y, g) IRIS_GET3(w, a, w, a, z, b) IRIS_GET3(w, a, w, a, w, a) \
  IRIS_GET4(x, r, x, r, x, r, x, r) IRIS_GET4(x, r, x, r, x, r, y, g) IRIS_GET4(x, r, x, r, x, r, z, b) IRIS_GET4(x, r, x, r, x, r, w, a) \
  IRIS_GET4(x, r, x, r, y, g, x, r) IRIS_GET4(x, r, x, r, y, g, y, g) IRIS_GET4(x, r, x, r, y, g, z, b) IRIS_GET4(x, r, x, r, y, g, w, a) \
  IRIS_GET4(x, r, x, r, z, b, x, r) IRIS_GET4(x, r, x, r, z, b, y, g) IRIS_GET4(x, r, x, r, z, b, z, b) IRIS_GET4(x, r, x, r, z, b, w, a) \
  IRIS_GET4(x, r, x, r, w, a, x, r) IRIS_GET4(x, r, x, r, w, a, y, g) IRIS_GET4(x, r, x, r, w, a, z, b) IRIS_GET4(x, r, x, r, w, a, w, a) \
  IRIS_GET4(x, r, y, g, x, r, x, r) IRIS_GET4(x, r, y, g, x, r, y, g) IRIS_GET4(x, r, y, g, x, r, z, b) IRIS_GET4(x, r, y, g, x, r, w, a) \
  IRIS_GET4(x, r, y, g, y, g, x, r) IRIS_GET4(x, r, y, g, y, g, y, g) IRIS_GET4(x, r, y, g, y, g, z, b) IRIS_GET4(x, r, y, g, y, g, w, a) \
  IRIS_GET4(x, r, y, g, z, b, x, r) IRIS_GET4(x, r, y, g, z, b, y, g) IRIS_GET4(x, r, y, g, z, b, z, b) IRIS_PUT4(x, r, y, g, z, b, w, a) \
  IRIS_GET4(x, r, y, g, w, a, x, r) IRIS_GET4(x, r, y, g, w, a, y, g) IRIS_PUT4(x, r, y, g, w, a, z, b) IRIS_GET4(x, r, y, g, w, a, w, a) \
  IRIS_GET4(x, r, z, b, x, r, x, r) IRIS_GET4(x, r, z, b, x, r, y, g) IRIS_GET4(x, r, z, b, x, r, z, b) IRIS_GET4(x, r, z, b, x, r, w, a) \
  IRIS_GET4(x, r, z, b, y, g, x, r) IRIS_GET4(x, r, z, b, y, g, y, g) IRIS_GET4(x, r, z, b, y, g, z, b) IRIS_PUT4(x, r, z, b, y, g, w, a) \
  IRIS_GET4(x, r, z, b, z, b, x, r) IRIS_GET4(x, r, z, b, z, b, y, g) IRIS_GET4(x, r, z, b, z, b, z, b) IRIS_GET4(x, r, z, b, z, b, w, a) \
  IRIS_GET4(x, r, z, b, w, a, x, r) IRIS_PUT4(x, r, z, b, w, a, y, g) IRIS_GET4(x, r, z, b, w, a, z, b) IRIS_GET4(x, r, z, b, w, a, w, a) \
  IRIS_GET4(x, r, w, a, x, r, x, r) IRIS_GET4(x, r, w, a, x, r, y, g) IRIS_GET4(x, r, w, a, x, r, z, b) IRIS_GET4(x, r, w, a, x, r, w, a) \
  IRIS_GET4(x, r, w, a, y, g, x, r) IRIS_GET4(x, r, w, a, y, g, y, g) IRIS_PUT4(x, r, w, a, y, g, z, b) IRIS_GET4(x, r, w, a, y, g, w, a) \
  IRIS_GET4(x, r, w, a, z, b, x, r) IRIS_PUT4(x, r, w, a, z, b, y, g) IRIS_GET4(x, r, w, a, z, b, z, b) IRIS_GET4(x, r, w, a, z, b, w, a) \
  IRIS_GET4(x, r, w, a, w, a, x, r) IRIS_GET4(x, r, w, a, w, a, y, g) IRIS_GET4(x, r, w, a, w, a, z, b) IRIS_GET4(x, r, w, a, w, a, w, a) \
  IRIS_GET4(y, g, x, r, x, r, x, r) IRIS_GET4(y, g, x, r, x, r, y, g) IRIS_GET4(y, g, x, r, x, r, z, b) IRIS_GET4(y, g, x, r, x, r, w, a) \
  IRIS_GET4(y, g, x, r, y, g, x, r) IRIS_GET4(y, g, x, r, y, g, y, g) IRIS_GET4(y, g, x, r, y, g, z, b) IRIS_GET4(y, g, x, r, y, g, w, a) \
  IRIS_GET4(y, g, x, r, z, b, x, r) IRIS_GET4(y, g, x, r, z, b, y, g) IRIS_GET4(y, g, x, r, z, b, z, b) IRIS_PUT4(y, g, x, r, z, b, w, a) \
  IRIS_GET4(y, g, x, r, w, a, x, r) IRIS_GET4(y, g, x, r, w, a, y, g) IRIS_PUT4(y, g, x, r, w, a, z, b) IRIS_GET4(y, g, x, r, w, a, w, a) \
  IRIS_GET4(y, g, y, g, x, r, x, r) IRIS_GET4(y, g, y, g, x, r, y, g) IRIS_GET4(y, g, y, g, x, r, z, b) IRIS_GET4(y, g, y, g, x, r, w, a) \
  IRIS_GET4(y, g, y, g, y, g, x, r) IRIS_GET4(y, g, y, g, y, g, y, g) IRIS_GET4(y, g, y, g, y, g, z, b) IRIS_GET4(y, g, y, g, y, g, w, a) \
  IRIS_GET4(y, g, y, g, z, b, x, r) IRIS_GET4(y, g, y, g, z, b, y, g) IRIS_GET4(y, g, y, g, z, b, z, b) IRIS_GET4(y, g, y, g, z, b, w, a) \
  IRIS_GET4(y, g, y, g, w, a, x, r) IRIS_GET4(y, g, y, g, w, a, y, g) IRIS_GET4(y, g, y, g, w, a, z, b) IRIS_GET4(y, g, y, g, w, a, w, a) \
  IRIS_GET4(y, g, z, b, x, r, x, r) IRIS_GET4(y, g, z, b, x, r, y, g) IRIS_GET4(y, g, z, b, x, r, z, b) IRIS_PUT4(y, g, z, b, x, r, w, a) \
  IRIS_GET4(y, g, z, b, y, g, x, r) IRIS_GET4(y, g, z, b, y, g, y, g) IRIS_GET4(y, g, z, b, y, g, z, b) IRIS_GET4(y, g, z, b, y, g, w, a) \
  IRIS_GET4(y, g, z, b, z, b, x, r) IRIS_GET4(y, g, z, b, z, b, y, g) IRIS_GET4(y, g, z, b, z, b, z, b) IRIS_GET4(y, g, z, b, z, b, w, a) \
  IRIS_PUT4(y, g, z, b, w, a, x, r) IRIS_GET4(y, g, z, b, w, a, y, g) IRIS_GET4(y, g, z, b, w, a, z, b) IRIS_GET4(y, g, z, b, w, a, w, a) \
  IRIS_GET4(y, g, w, a, x, r, x, r) IRIS_GET4(y, g, w, a, x, r, y, g) IRIS_PUT4(y, g, w, a, x, r, z, b) IRIS_GET4(y, g, w, a, x, r, w, a) \
  IRIS_GET4(y, g, w, a, y, g, x, r) IRIS_GET4(y, g, w, a, y, g, y, g) IRIS_GET4(y, g, w, a, y, g, z, b) IRIS_GET4(y, g, w, a, y, g, w, a) \
  IRIS_PUT4(y, g, w, a, z, b, x, r) IRIS_GET4(y, g, w, a, z, b, y, g) IRIS_GET4(y, g, w, a, z, b, z, b) IRIS_GET4(y, g, w, a, z, b, w, a) \
  IRIS_GET4(y, g, w, a, w, a, x, r) IRIS_GET4(y, g, w, a, w, a, y, g) IRIS_GET4(y, g, w, a, w, a, z, b) IRIS_GET4(y, g, w, a, w, a, w, a) \
  IRIS_GET4(z, b, x, r, x, r, x, r) IRIS_GET4(z, b, x, r, x, r, y, g) IRIS_GET4(z, b, x, r, x, r, z, b) IRIS_GET4(z, b, x, r, x, r, w, a) \
  IRIS_GET4(z, b, x, r, y, g, x, r) IRIS_GET4(z, b, x, r, y, g, y, g) IRIS_GET4(z, b, x, r, y, g, z, b) IRIS_PUT4(z, b, x, r, y, g, w, a) \
  IRIS_GET4(z, b, x, r, z, b, x, r) IRIS_GET4(z, b, x, r, z, b, y, g) IRIS_GET4(z, b, x, r, z, b, z, b) IRIS_GET4(z, b, x, r, z, b, w, a) \
  IRIS_GET4(z, b, x, r, w, a, x, r) IRIS_PUT4(z, b, x, r, w, a, y, g) IRIS_GET4(z, b, x, r, w, a, z, b) IRIS_GET4(z, b, x, r, w, a, w, a) \
  IRIS_GET4(z, b, y, g, x, r, x, r) IRIS_GET4(z, b, y, g, x, r, y, g) IRIS_GET4(z, b, y, g, x, r, z, b) IRIS_PUT4(z, b, y, g, x, r, w, a) \
  IRIS_GET4(z, b, y, g, y, g, x, r) IRIS_GET4(z, b, y, g, y, g, y, g) IRIS_GET4(z, b, y, g, y, g, z, b) IRIS_GET4(z, b, y, g, y, g, w, a) \
  IRIS_GET4(z, b, y, g, z, b, x, r) IRIS_GET4(z, b, y, g, z, b, y, g) IRIS_GET4(z, b, y, g, z, b, z, b) IRIS_GET4(z, b, y, g, z, b, w, a) \
  IRIS_PUT4(z, b, y, g, w, a, x, r) IRIS_GET4(z, b, y, g, w, a, y, g) IRIS_GET4(z, b, y, g, w, a, z, b) IRIS_GET4(z, b, y, g, w, a, w, a) \
  IRIS_GET4(z, b, z, b, x, r, x, r) IRIS_GET4(z, b, z, b, x, r, y, g) IRIS_GET4(z, b, z, b, x, r, z, b) IRIS_GET4(z, b, z, b, x, r, w, a) \
  IRIS_GET4(z, b, z, b, y, g, x, r) IRIS_GET4(z, b, z, b, y, g, y, g) IRIS_GET4(z, b, z, b, y, g, z, b) IRIS_GET4(z, b, z, b, y, g, w, a) \
  IRIS_GET4(z, b, z, b, z, b, x, r) IRIS_GET4(z, b, z, b, z, b, y, g) IRIS_GET4(z, b, z, b, z, b, z, b) IRIS_GET4(z, b, z, b, z, b, w, a) \
  IRIS_GET4(z, b, z, b, w, a, x, r) IRIS_GET4(z, b, z, b, w, a, y, g) IRIS_GET4(z, b, z, b, w, a, z, b) IRIS_GET4(z, b, z, b, w, a, w, a) \
  IRIS_GET4(z, b, w, a, x, r, x, r) IRIS_PUT4(z, b, w, a, x, r, y, g) IRIS_GET4(z, b, w, a, x, r, z, b) IRIS_GET4(z, b, w, a, x, r, w, a) \
  IRIS_PUT4(z, b, w, a, y, g, x, r) IRIS_GET4(z, b, w, a, y, g, y, g) IRIS_GET4(z, b, w, a, y, g, z, b) IRIS_GET4(z, b, w, a, y, g, w, a) \
  IRIS_GET4(z, b, w, a, z, b, x, r) IRIS_GET4(z, b, w, a, z, b, y, g) IRIS_GET4(z, b, w, a, z, b, z, b) IRIS_GET4(z, b, w, a, z, b, w, a) \
  IRIS_GET4(z, b, w, a, w, a, x, r) IRIS_GET4(z, b, w, a, w, a, y, g) IRIS_GET4(z, b, w, a, w, a, z, b) IRIS_GET4(z, b, w, a, w, a, w, a) \
  IRIS_GET4(w, a, x, r, x, r, x, r) IRIS_GET4(w, a, x, r, x, r, y, g) IRIS_GET4(w, a, x, r, x, r, z, b) IRIS_GET4(w, a, x, r, x, r, w, a) \
  IRIS_GET4(w, a, x, r, y, g, x, r) IRIS_GET4(w, a, x, r, y, g, y, g) IRIS_PUT4(w, a, x, r, y, g, z, b) IRIS_GET4(w, a, x, r, y, g, w, a) \
  IRIS_GET4(w, a, x, r, z, b, x, r) IRIS_PUT4(w, a, x, r, z, b, y, g) IRIS_GET4(w, a, x, r, z, b, z, b) IRIS_GET4(w, a, x, r, z, b, w, a) \
  IRIS_GET4(w, a, x, r, w, a, x, r) IRIS_GET4(w, a, x, r, w, a, y, g) IRIS_GET4(w, a, x, r, w, a, z, b) IRIS_GET4(w, a, x, r, w, a, w, a) \
  IRIS_GET4(w, a, y, g, x, r, x, r) IRIS_GET4(w, a, y, g, x, r, y, g) IRIS_PUT4(w, a, y, g, x, r, z, b) IRIS_GET4(w, a, y, g, x, r, w, a) \
  IRIS_GET4(w, a, y, g, y, g, x, r) IRIS_GET4(w, a, y, g, y, g, y, g) IRIS_GET4(w, a, y, g, y, g, z, b) IRIS_GET4(w, a, y, g, y, g, w, a) \
  IRIS_PUT4(w, a, y, g, z, b, x, r) IRIS_GET4(w, a, y, g, z, b, y, g) IRIS_GET4(w, a, y, g, z, b, z, b) IRIS_GET4(w, a, y, g, z, b, w, a) \
  IRIS_GET4(w, a, y, g, w, a, x, r) IRIS_GET4(w, a, y, g, w, a, y, g) IRIS_GET4(w, a, y, g, w, a, z, b) IRIS_GET4(w, a, y, g, w, a, w, a) \
  IRIS_GET4(w, a, z, b, x, r, x, r) IRIS_PUT4(w, a, z, b, x, r, y, g) IRIS_GET4(w, a, z, b, x, r, z, b) IRIS_GET4(w, a, z, b, x, r, w, a) \
  IRIS_PUT4(w, a, z, b, y, g, x, r) IRIS_GET4(w, a, z, b, y, g, y, g) IRIS_GET4(w, a, z, b, y, g, z, b) IRIS_GET4(w, a, z, b, y, g, w, a) \
  IRIS_GET4(w, a, z, b, z, b, x, r) IRIS_GET4(w, a, z, b, z, b, y, g) IRIS_GET4(w, a, z, b, z, b, z, b) IRIS_GET4(w, a, z, b, z, b, w, a) \
  IRIS_GET4(w, a, z, b, w, a, x, r) IRIS_GET4(w, a, z, b, w, a, y, g) IRIS_GET4(w, a, z, b, w, a, z, b) IRIS_GET4(w, a, z, b, w, a, w, a) \
  IRIS_GET4(w, a, w, a, x, r, x, r) IRIS_GET4(w, a, w, a, x, r, y, g) IRIS_GET4(w, a, w, a, x, r, z, b) IRIS_GET4(w, a, w, a, x, r, w, a) \
  IRIS_GET4(w, a, w, a, y, g, x, r) IRIS_GET4(w, a, w, a, y, g, y, g) IRIS_GET4(w, a, w, a, y, g, z, b) IRIS_GET4(w, a, w, a, y, g, w, a) \
  IRIS_GET4(w, a, w, a, z, b, x, r) IRIS_GET4(w, a, w, a, z, b, y, g) IRIS_GET4(w, a, w, a, z, b, z, b) IRIS_GET4(w, a, w, a, z, b, w, a) \
  IRIS_GET4(w, a, w, a, w, a, x, r) IRIS_GET4(w, a, w, a, w, a, y, g) IRIS_GET4(w, a, w, a, w, a, z, b) IRIS_GET4(w, a, w, a, w, a, w, a)
