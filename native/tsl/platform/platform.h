#pragma once

/*
 * tensorflow/c/kernels.h includes a header of this name for IS_MOBILE_PLATFORM alone, which is defined nowhere here. The set-up
 * unpacks the C API's headers only, and this one stands in for it.
 */
