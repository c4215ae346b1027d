#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <vector>

#include "tensorflow/c/kernels.h"
#include "tensorflow/c/ops.h"
#include "tensorflow/c/tf_status.h"
#include "tensorflow/c/tf_tensor.h"

#include "bfloat16.h"

namespace recnext {

std::string Text(const std::vector<int64_t>& shape);

template <typename T>
constexpr TF_DataType kTypeOf = TF_FLOAT;
template <>
inline constexpr TF_DataType kTypeOf<bfloat16> = TF_BFLOAT16;

/** A status that is freed with its scope. */
class Status {
 public:
  Status() : status_(TF_NewStatus()) {}
  ~Status() { TF_DeleteStatus(status_); }
  Status(const Status&) = delete;
  Status& operator=(const Status&) = delete;
  TF_Status* get() const { return status_; }
  bool ok() const { return TF_GetCode(status_) == TF_OK; }

 private:
  TF_Status* status_;
};

/** What a kernel reads and writes. After the first failure `ok()` is false and nothing more may be read. */
class Context {
 public:
  explicit Context(TF_OpKernelContext* context) : context_(context) {}
  ~Context();
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;

  bool ok() const { return ok_; }
  /** Fails the operation with INVALID_ARGUMENT unless `condition`. */
  bool Check(bool condition, const std::string& message);

  template <typename T>
  struct InputOf {
    const T* data = nullptr;
    std::vector<int64_t> shape;
    int64_t size = 0;
    int rank() const { return static_cast<int>(shape.size()); }
  };
  typedef InputOf<float> Input;
  /** `T` must be what the operation says of this input. */
  template <typename T = float>
  InputOf<T> Get(int index) {
    InputOf<T> input;
    TF_Tensor* const tensor = Take(index, input.shape);
    if (tensor == nullptr) return input;
    input.size = TF_TensorElementCount(tensor);
    input.data = static_cast<const T*>(TF_TensorData(tensor));
    return input;
  }
  /** An input that a node may go without: the one at `index`, which must have this shape, or one without data. */
  template <typename T = float>
  InputOf<T> Optional(int index, const std::vector<int64_t>& shape, const char* name) {
    if (TF_NumInputs(context_) <= index) return {};
    InputOf<T> input = Get<T>(index);
    return Check(input.shape == shape, name + (": expected " + Text(shape)) + ", found " + Text(input.shape))
               ? input
               : InputOf<T>{};
  }
  /** Memory of a new output; `shape` of unknown content. nullptr after a failure. */
  template <typename T = float>
  T* Output(int index, const std::vector<int64_t>& shape) {
    return OutputInPlaceOf<T>({}, index, shape);
  }
  /** The same, in the memory of an input of this shape and type that nobody else needs, where there is one. */
  template <typename T = float>
  T* OutputInPlaceOf(std::initializer_list<int> inputs, int index, const std::vector<int64_t>& shape) {
    return static_cast<T*>(Allocate(inputs, index, shape, kTypeOf<T>, sizeof(T)));
  }

 private:
  bool Fail(const Status& status);
  /** The tensor of an input, and its shape; nullptr after a failure. */
  TF_Tensor* Take(int index, std::vector<int64_t>& shape);
  void* Allocate(std::initializer_list<int> inputs, int index, const std::vector<int64_t>& shape, TF_DataType type,
                 size_t element_size);

  TF_OpKernelContext* context_;
  std::vector<TF_Tensor*> tensors_;
  bool ok_ = true;
};

/** Attributes of a node, read when its kernel is made. */
class Attributes {
 public:
  explicit Attributes(TF_OpKernelConstruction* construction) : construction_(construction) {}
  int64_t Int(const char* name) const;
  float Float(const char* name) const;
  bool Bool(const char* name) const;
  /** Fails the construction unless `condition`. */
  void Check(bool condition, const std::string& message) const;

 private:
  TF_OpKernelConstruction* construction_;
};

typedef void (*ShapeFunction)(TF_ShapeInferenceContext*, TF_Status*);

/** Output `output` has the shape of input `input`. */
void SetSame(TF_ShapeInferenceContext* context, TF_Status* status, int output, int input);

/** The only output has the shape of input `Index`. */
template <int Index>
void SameAsInput(TF_ShapeInferenceContext* context, TF_Status* status) {
  SetSame(context, status, 0, Index);
}

/** The C API reads no numbers of a node here: what depends on them is unknown until the operation runs. */
inline void UnknownShape(TF_ShapeInferenceContext* context, TF_Status* status) {
  TF_ShapeInferenceContextSetUnknownShape(context, status);
}

typedef std::initializer_list<const char*> Specs;

void RegisterDefinition(const char* name, Specs inputs, Specs outputs, Specs attributes, ShapeFunction shape);

/** What TensorFlow calls of a `Kernel`: it is constructed from Attributes once a node and has `void Compute(Context&)`. */
template <typename Kernel>
struct KernelFunctions {
  static TF_KernelBuilder* Builder(const char* name) {
    return TF_NewKernelBuilder(name, "CPU", &Create, &Compute, &Delete);
  }
  static void* Create(TF_OpKernelConstruction* construction) { return new Kernel(Attributes(construction)); }
  static void Compute(void* kernel, TF_OpKernelContext* context) {
    Context wrapped(context);
    static_cast<Kernel*>(kernel)->Compute(wrapped);
  }
  static void Delete(void* kernel) { delete static_cast<Kernel*>(kernel); }
};

/**
 * Registers an operation and its CPU kernel when the library is loaded. Its `Compute` may run on several threads at once.
 */
template <typename Kernel>
class Operation {
 public:
  Operation(const char* name, Specs inputs, Specs outputs, Specs attributes, ShapeFunction shape) {
    RegisterDefinition(name, inputs, outputs, attributes, shape);
    Status status;
    TF_RegisterKernelBuilder(name, KernelFunctions<Kernel>::Builder(name), status.get());
  }
};

/** The attribute of a `TypedOperation`. */
constexpr const char* kFeatureType = "T: {float, bfloat16} = DT_FLOAT";

/** The same for an operation with an attribute `T`, the type of its feature maps: float32 or bfloat16, one kernel each. */
template <template <typename T> class Kernel>
class TypedOperation {
 public:
  TypedOperation(const char* name, Specs inputs, Specs outputs, Specs attributes, ShapeFunction shape) {
    RegisterDefinition(name, inputs, outputs, attributes, shape);
    Register<float>(name);
    Register<bfloat16>(name);
  }

 private:
  template <typename T>
  static void Register(const char* name) {
    TF_KernelBuilder* builder = KernelFunctions<Kernel<T>>::Builder(name);
    Status status;
    TF_KernelBuilder_TypeConstraint(builder, "T", kTypeOf<T>, status.get());
    TF_RegisterKernelBuilder(name, builder, status.get());
  }
};

}  // namespace recnext
