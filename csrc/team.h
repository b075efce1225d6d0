// The threads that compute a step together.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <memory>
#include <thread>

#if defined(__x86_64__)
#include <immintrin.h>
#endif
#if defined(__linux__)
#include <sys/resource.h>
#endif
#ifdef _OPENMP
#include <omp.h>
#endif

namespace ponder {

// How many threads a program uses: fewer than it may while other processes keep cores busy. A team meets after every phase,
// so a thread that was put off its core holds up the others, and they are faster without it.
class TeamSize {
 public:
  // For the next run; `allowed` is the most.
  int choose(int allowed) {
    if (allowed != allowed_) allowed_ = size_ = allowed, pause_ = FIRST_PAUSE, watched_ = put_off_ = 0;
    return size_;
  }

  // Tells how long a run took, and how often its threads were put off their cores: the largest number of any thread.
  void note(long put_off, double seconds) {
    if (allowed_ == 1) return;
    put_off_ += static_cast<double>(put_off), watched_ += seconds;
    if (watched_ < WATCH) return;
    const bool crowded = put_off_ > CROWDED * watched_;
    if (crowded && size_ > 1) {
      size_--, pause_ = std::min(2 * pause_, LONGEST_PAUSE);
    } else if (crowded || size_ == allowed_) {
      pause_ = crowded ? pause_ : FIRST_PAUSE;
    } else if (watched_ < pause_) {
      return;
    } else {
      size_++;  // and see
    }
    watched_ = put_off_ = 0;
  }

  // How often this thread has been put off its core until now.
  static long times_put_off() {
#if defined(__linux__) && defined(RUSAGE_THREAD)
    rusage usage;
    if (getrusage(RUSAGE_THREAD, &usage) == 0) return usage.ru_nivcsw;
#endif
    return 0;
  }

 private:
  // Seconds; times a second: it is about 15 on idle cores, and from 200 on beside a busy process.
  static constexpr double WATCH = 0.05, FIRST_PAUSE = 0.1, LONGEST_PAUSE = 3, CROWDED = 100;

  int allowed_ = 0, size_ = 0;
  double pause_ = FIRST_PAUSE, watched_ = 0, put_off_ = 0;
};

// Threads inside one parallel region: they share out tasks, and wait for each other between phases.
//
// Each takes tasks of a part of its own, and then of the others' parts, so that one that is held up holds nothing up.
// Which thread takes a task is left to chance; a task must not depend on it.
class Member;

// Where the part of one of `parts` begins that share `count` things out.
inline int part_start(int count, int which, int parts) { return static_cast<int>(static_cast<long long>(count) * which / parts); }

class Team {
 public:
  explicit Team(int size) : size_(size), counters_(new Counter[static_cast<size_t>(3 * size)]) {}

  // Runs body(member), which must not throw, on every thread of a new team.
  template <class Body>
  static void run(int threads, Body body);

 private:
  friend class Member;
  static constexpr int SPINS = 4000;  // about 50 microseconds; then others may have the core

  int size_;
  alignas(64) std::atomic<int> arrived_{0};
  alignas(64) std::atomic<int> phase_{0};
  // Tasks taken of each member's part. A line to each: nobody else touches it until there is something to steal.
  struct alignas(64) Counter { std::atomic<int> taken{0}; };
  std::unique_ptr<Counter[]> counters_;  // three turns, [turn][member]
};

class Member {
 public:
  Member(Team& team, int index) : index(index), team_(team) {}

  const int index;
  int team_size() const { return team_.size_; }

  // Calls task(i) once for each i below count, on some thread, and waits until all are done.
  template <class Task>
  void each(int count, Task task) {
    each(count, [&](int member) { return part(count, member); }, task);
  }

  // The same, where a member's part begins at start(member).
  template <class Start, class Task>
  void each(int count, Start start, Task task) {
    if (team_.size_ == 1) {
      for (int i = 0; i < count; i++) task(i);
      return;
    }
    // Three sets of counters take turns: the one for the next phase was last used two phases ago.
    const int size = team_.size_;
    auto* counters = &team_.counters_[static_cast<size_t>(phase_ % 3 * size)];
    for (int k = 0; k < size; k++) {
      const int whose = (index + k) % size;
      const int begin = start(whose), tasks = start(whose + 1) - begin;
      for (int i; (i = counters[whose].taken.fetch_add(1, std::memory_order_relaxed)) < tasks;) task(begin + i);
    }
    meet();
  }

  // The same, dealt out in turn instead of in stretches: for tasks of which the first are the largest.
  template <class Task>
  void deal(int count, Task task) {
    const int size = team_.size_, share = (count + size - 1) / size;
    each(share * size, [&](int i) {
      const int dealt = i / share + i % share * size;
      if (dealt < count) task(dealt);
    });
  }

  // Where a member's part of `count` tasks begins.
  int part(int count, int member) const { return part_start(count, member, team_.size_); }

  // Waits until all have come here.
  void meet() {
    team_.counters_[static_cast<size_t>((phase_ + 1) % 3 * team_.size_ + index)].taken.store(0, std::memory_order_relaxed);
    phase_++;
    if (team_.arrived_.fetch_add(1, std::memory_order_acq_rel) == team_.size_ - 1) {
      team_.arrived_.store(0, std::memory_order_relaxed);
      team_.phase_.store(phase_, std::memory_order_release);
      return;
    }
    for (int spins = 0; team_.phase_.load(std::memory_order_acquire) != phase_; spins++) {
      if (spins < Team::SPINS) {
#if defined(__x86_64__)
        _mm_pause();
#elif defined(__aarch64__)
        asm volatile("isb");  // about as long as a pause; `yield` does nothing on most processors
#endif
      } else {
        std::this_thread::yield();
      }
    }
  }

 private:
  Team& team_;
  int phase_ = 0;
};

template <class Body>
void Team::run(int threads, Body body) {
  Team team(threads);
#ifdef _OPENMP
#pragma omp parallel num_threads(threads) if (threads > 1)
  {
#pragma omp single
    team.size_ = omp_get_num_threads();  // OpenMP may give fewer
    Member member(team, omp_get_thread_num());
    body(member);
  }
#else
  team.size_ = 1;
  Member member(team, 0);
  body(member);
#endif
}

}  // namespace ponder
