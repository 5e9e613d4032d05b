SELECT * FROM dns_accuracy_of_day
