// A model's forward pass as a list of commands: recorded once, run for every batch.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "batch.h"
#include "matrix.h"

namespace ponder {

struct Shape {
  int hidden, heads;
  PageLayout layout;
  int q_size() const { return heads * layout.head_dim; }
  int kv_size() const { return layout.kv_heads * layout.head_dim; }
};

// A linear layer; the matrix and the bias ([out], or null) belong to the caller and outlive the program.
struct Linear {
  const Matrix* weight = nullptr;
  const float* bias = nullptr;
};

struct Norm {
  const float* weight = nullptr;
  float eps = 0;
};

// What attention adds to a head's scores for the distance between a query and a key: -slopes[head] * distance, or
// table[head][min(distance, distances - 1)]. Both are null where nothing is added. The numbers belong to the caller, who
// may drop them once `attend` has returned.
struct Bias {
  const float* slopes = nullptr;  // [heads]
  const float* table = nullptr;   // [heads, distances]
  int distances = 0;
};

// Commands act on the residual stream, [T, hidden], in the order in which they are added.
class Program {
 public:
  virtual ~Program() = default;

  virtual void embed(const Matrix& table) = 0;
  // norm -> q, k, v -> norms of their heads, if given -> rotation -> q kept, k and v into the layer's pages.
  virtual void project(int layer, Norm norm, Linear q, Linear k, Linear v, Norm q_norm, Norm k_norm, bool rotate) = 0;
  // softmax(q k^T / sqrt(head_dim) + bias) v, over the last `window` positions (0: all).
  virtual void attend(int layer, int window, Bias bias) = 0;
  // residual += w (attention's result)
  virtual void add_projection(Linear o) = 0;
  // residual += down(silu(gate(norm)) * up(norm))
  virtual void add_feed_forward(Norm norm, Linear gate, Linear up, Linear down) = 0;
  // Here, `depth` layers have been run: logits may be wanted of what the residual stream is now.
  virtual void exit(int depth) = 0;
  // norm -> logits, for the batch's logit rows
  virtual void logits(Norm norm, Linear head) = 0;

  virtual void run(const Batch& batch, int threads) = 0;

  // Seconds spent in each operation since the last time this was asked, by any thread.
  virtual std::map<std::string, double> take_times() = 0;
};

}  // namespace ponder
