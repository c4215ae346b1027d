#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <vector>

#include "tensorflow/c/kernels.h"
#include "tensorflow/c/ops.h"
#include "tensorflow/c/tf_status.h"
#include "tensorflow/c/tf_tensor.h"

namespace recnext {

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

  struct Input {
    const float* data = nullptr;
    std::vector<int64_t> shape;
    int64_t size = 0;
    int rank() const { return static_cast<int>(shape.size()); }
  };
  Input Get(int index);
  /** An input that a node may go without: the one at `index`, which must have this shape, or one without data. */
  Input Addend(int index, const std::vector<int64_t>& shape);
  /** Memory of a new output; `shape` of unknown content. nullptr after a failure. */
  float* Output(int index, const std::vector<int64_t>& shape);
  /** The same, in the memory of an input of this shape that nobody else needs, where there is one. */
  float* OutputInPlaceOf(std::initializer_list<int> inputs, int index, const std::vector<int64_t>& shape);

 private:
  bool Fail(const Status& status);

  TF_OpKernelContext* context_;
  std::vector<TF_Tensor*> tensors_;
  bool ok_ = true;
};

std::string Text(const std::vector<int64_t>& shape);

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

/**
 * Registers an operation and its CPU kernel when the library is loaded. `Kernel` is constructed from Attributes once a node and has
 * `void Compute(Context&)`, which may run on several threads at once.
 */
template <typename Kernel>
class Operation {
 public:
  Operation(const char* name, std::initializer_list<const char*> inputs, std::initializer_list<const char*> outputs,
            std::initializer_list<const char*> attributes, ShapeFunction shape) {
    TF_OpDefinitionBuilder* definition = TF_NewOpDefinitionBuilder(name);
    for (const char* spec : inputs) TF_OpDefinitionBuilderAddInput(definition, spec);
    for (const char* spec : outputs) TF_OpDefinitionBuilderAddOutput(definition, spec);
    for (const char* spec : attributes) TF_OpDefinitionBuilderAddAttr(definition, spec);
    TF_OpDefinitionBuilderSetShapeInferenceFunction(definition, shape);
    Status status;
    TF_RegisterOpDefinition(definition, status.get());
    TF_RegisterKernelBuilder(name, TF_NewKernelBuilder(name, "CPU", &Create, &Compute, &Delete), status.get());
  }

 private:
  static void* Create(TF_OpKernelConstruction* construction) { return new Kernel(Attributes(construction)); }
  static void Compute(void* kernel, TF_OpKernelContext* context) {
    Context wrapped(context);
    static_cast<Kernel*>(kernel)->Compute(wrapped);
  }
  static void Delete(void* kernel) { delete static_cast<Kernel*>(kernel); }
};

}  // namespace recnext
