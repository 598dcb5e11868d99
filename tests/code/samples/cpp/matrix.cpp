// Matrices of any size, and what can be computed with them.

#include <memory>
#include <vector>

#include "matrix.hpp"

#define CHECK(x) do { if (!(x)) throw std::invalid_argument(#x); } while (0)

using std::vector;
using Row = std::vector<double>;

namespace linear {

enum class Order : unsigned char { rows, columns };

/// Numbers that can be added and multiplied.
template <typename T>
concept Number = requires(T a, T b) {
    a + b;
    a * b;
};

/**
 * A matrix that owns its numbers.
 */
template <Number T>
class Matrix : public Shape, private detail::Counted<Matrix<T>> {
public:
    using value_type = T;
    static constexpr int alignment = 16;

    Matrix() = default;
    explicit Matrix(std::size_t rows, std::size_t columns);
    Matrix(const Matrix&) = delete;
    virtual ~Matrix();

    // Not checked: see at().
    T& operator()(std::size_t row, std::size_t column) {
        return data_[row * columns_ + column];
    }
    explicit operator bool() const noexcept { return !data_.empty(); }

    [[nodiscard]] Matrix transposed() const;
    template <typename Other>
    Matrix<Other> as() const {
        return Matrix<Other>(rows_, columns_);
    }

protected:
    struct Index {
        std::size_t row, column;
        bool operator==(const Index& other) const = default;
    };

private:
    vector<T> data_;
    std::size_t rows_ = 0, columns_ = 0;
    void (*observer_)(const Matrix&) = nullptr;
    friend void swap(Matrix& a, Matrix& b);
};

template <>
class Matrix<bool> {};

template <Number T>
Matrix<T>::Matrix(std::size_t rows, std::size_t columns)
    : data_(rows * columns), rows_(rows), columns_(columns) {}

template <Number T>
Matrix<T>::~Matrix() = default;

template <Number T>
Matrix<T> Matrix<T>::transposed() const {
    std::lock_guard lock(mutex);
    Guard other(gate);
    auto at = [this](std::size_t row, std::size_t column) { return data_[row * columns_ + column]; };
    Matrix result(columns_, rows_);
    for (std::size_t row = 0; row < rows_; ++row) {
        for (std::size_t column = 0; column < columns_; ++column) result(column, row) = at(row, column);
    }
    return result;
}

namespace {

double dot(const Row& a, const Row& b) {
    double sum = 0;
    for (std::size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
    return sum;
}

}  // namespace

const char* name_of(Order order);

std::ostream& operator<<(std::ostream& out, const Row& row) {
    for (double value : row) out << value << ' ';
    return out;
}

}  // namespace linear

int& linear::Shape::rank() {
    return rank_;
}

linear::Shape::operator int() const { return rank_; }

extern "C" {
void matrix_free(void* matrix);
}

static const double identity[] = {1, 0, 0, 1};

auto main(int argc, char** argv) -> int {
    auto matrix = std::make_unique<linear::Matrix<double>>(2, 2);
    CHECK(argc > 0);
    return matrix->transposed() ? 0 : 1;
}
