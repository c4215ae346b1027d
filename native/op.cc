#include "op.h"

namespace recnext {

Context::~Context() {
  for (TF_Tensor* tensor : tensors_) TF_DeleteTensor(tensor);
}

bool Context::Fail(const Status& status) {
  if (ok_) TF_OpKernelContext_Failure(context_, status.get());
  ok_ = false;
  return false;
}

bool Context::Check(bool condition, const std::string& message) {
  if (condition || !ok_) return ok_;
  Status status;
  TF_SetStatus(status.get(), TF_INVALID_ARGUMENT, message.c_str());
  return Fail(status);
}

TF_Tensor* Context::Take(int index, std::vector<int64_t>& shape) {
  if (!ok_) return nullptr;
  Status status;
  TF_Tensor* tensor = nullptr;
  TF_GetInput(context_, index, &tensor, status.get());
  if (!status.ok()) {
    Fail(status);
    return nullptr;
  }
  tensors_.push_back(tensor);
  const int rank = TF_NumDims(tensor);
  for (int i = 0; i < rank; i++) shape.push_back(TF_Dim(tensor, i));
  return tensor;
}

void* Context::Allocate(std::initializer_list<int> inputs, int index, const std::vector<int64_t>& shape,
                        TF_DataType type, size_t element_size) {
  if (!ok_) return nullptr;
  Status status;
  int64_t size = 1;
  for (int64_t dimension : shape) size *= dimension;
  int forwarded = -1;
  const std::vector<int> candidates(inputs);
  TF_Tensor* tensor =
      candidates.empty()
          ? TF_AllocateOutput(context_, index, type, shape.data(), static_cast<int>(shape.size()),
                              size * element_size, status.get())
          : TF_ForwardInputOrAllocateOutput(context_, candidates.data(), static_cast<int>(candidates.size()), index,
                                            shape.data(), static_cast<int>(shape.size()), &forwarded, status.get());
  if (!status.ok()) {
    Fail(status);
    return nullptr;
  }
  tensors_.push_back(tensor);
  return TF_TensorData(tensor);
}

std::string Text(const std::vector<int64_t>& shape) {
  std::string text = "[";
  for (size_t i = 0; i < shape.size(); i++) text += (i == 0 ? "" : ", ") + std::to_string(shape[i]);
  return text + "]";
}

int64_t Attributes::Int(const char* name) const {
  Status status;
  int64_t value = 0;
  TF_OpKernelConstruction_GetAttrInt64(construction_, name, &value, status.get());
  if (!status.ok()) TF_OpKernelConstruction_Failure(construction_, status.get());
  return value;
}

float Attributes::Float(const char* name) const {
  Status status;
  float value = 0;
  TF_OpKernelConstruction_GetAttrFloat(construction_, name, &value, status.get());
  if (!status.ok()) TF_OpKernelConstruction_Failure(construction_, status.get());
  return value;
}

bool Attributes::Bool(const char* name) const {
  Status status;
  TF_Bool value = 0;
  TF_OpKernelConstruction_GetAttrBool(construction_, name, &value, status.get());
  if (!status.ok()) TF_OpKernelConstruction_Failure(construction_, status.get());
  return value != 0;
}

void Attributes::Check(bool condition, const std::string& message) const {
  if (condition) return;
  Status status;
  TF_SetStatus(status.get(), TF_INVALID_ARGUMENT, message.c_str());
  TF_OpKernelConstruction_Failure(construction_, status.get());
}

void SetSame(TF_ShapeInferenceContext* context, TF_Status* status, int output, int input) {
  if (TF_GetCode(status) != TF_OK) return;
  TF_ShapeHandle* shape = TF_NewShapeHandle();
  TF_ShapeInferenceContextGetInput(context, input, shape, status);
  if (TF_GetCode(status) == TF_OK) TF_ShapeInferenceContextSetOutput(context, output, shape, status);
  TF_DeleteShapeHandle(shape);
}

void RegisterDefinition(const char* name, Specs inputs, Specs outputs, Specs attributes, ShapeFunction shape) {
  TF_OpDefinitionBuilder* definition = TF_NewOpDefinitionBuilder(name);
  for (const char* spec : inputs) TF_OpDefinitionBuilderAddInput(definition, spec);
  for (const char* spec : outputs) TF_OpDefinitionBuilderAddOutput(definition, spec);
  for (const char* spec : attributes) TF_OpDefinitionBuilderAddAttr(definition, spec);
  TF_OpDefinitionBuilderSetShapeInferenceFunction(definition, shape);
  Status status;
  TF_RegisterOpDefinition(definition, status.get());
}

}  // namespace recnext
